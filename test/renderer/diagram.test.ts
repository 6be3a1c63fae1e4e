import { expect, test } from 'vitest';
import { IMAGE_STATES, describeMachine } from '../../src-engine/replication/state/index.ts';
import {
  BOARD,
  HALF_HEIGHT,
  HALF_WIDTH,
  curveOf,
  edgesOf,
  place,
  placeLabels,
} from '../../src-renderer/features/replication/diagram-layout.ts';

const machine = describeMachine();

test('in every state the buttons of all ways out stand on the board, on no box and on no other button', () => {
  for (const state of IMAGE_STATES) {
    const ways = edgesOf(machine).filter((edge) => edge.from === state && edge.actions.length > 0);
    const spots = placeLabels(ways.map((edge) => ({ curve: curveOf(edge.from, edge.to), texts: [...edge.actions] })));
    spots.forEach(([x, y], index) => {
      expect(x > 0 && x < BOARD.width && y > 0 && y < BOARD.height, `${state} ${String(index)}`).toBe(true);
      for (const [boxX, boxY] of Object.values(place))
        expect(Math.abs(x - boxX) < HALF_WIDTH && Math.abs(y - boxY) < HALF_HEIGHT, `${state} on a box`).toBe(false);
      for (const [otherX, otherY] of spots.slice(index + 1))
        expect(Math.abs(x - otherX) < 24 && Math.abs(y - otherY) < 20, `${state} on another`).toBe(false);
    });
  }
});

test('what only an action leads to is not said to happen by itself', () => {
  for (const edge of edgesOf(machine)) {
    const own = machine.transitions.filter(
      (one) => one.from === edge.from && one.to === edge.to && one.action === null,
    );
    expect(edge.events).toEqual([...new Set(own.map((one) => one.event))]);
  }
});

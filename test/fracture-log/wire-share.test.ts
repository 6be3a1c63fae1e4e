import { describe, expect, test } from 'vitest';
import { Mutex } from '../../src-engine/replication/mutex.ts';
import { WireShare } from '../../src-engine/replication/wire-share.ts';

describe('the wire between windows of a resync and consistency points', () => {
  test('windows hold it together; a consistency point gets it when they have left, and windows that come meanwhile wait', async () => {
    const wire = new Mutex();
    const share = new WireShare(wire);
    const order: string[] = [];
    await Promise.all([share.enter(), share.enter()]);
    const point = wire.lock().then((release) => {
      order.push('point');
      return release;
    });
    const late = share.enter().then(() => order.push('late'));
    share.leave();
    await turns();
    expect(order).toEqual([]);
    share.leave();
    const release = await point;
    await turns();
    expect(order).toEqual(['point']);
    release();
    await late;
    expect(order).toEqual(['point', 'late']);
    share.leave();
    (await wire.lock())();
  });

  test('a window that leaves in the turn in which it got the wire does not take it from the others that waited with it', async () => {
    const wire = new Mutex();
    const share = new WireShare(wire);
    const release = await wire.lock();
    let held = 0;
    const first = share.enter().then(() => { share.leave(); });
    const second = share.enter().then(() => { held++; });
    release();
    await Promise.all([first, second]);
    expect(held).toBe(1);
    let taken = false;
    const other = wire.lock().then((free) => {
      taken = true;
      free();
    });
    await turns();
    expect(taken).toBe(false);
    share.leave();
    await other;
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

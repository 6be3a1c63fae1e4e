import { afterAll, beforeAll, expect, it } from 'vitest';
import { LiveLists } from '../../src-engine/lab/live.ts';
import { open, temporaryDirectory, type OpenLab } from './real-lab.ts';

const directory = temporaryDirectory();
let lab: OpenLab;
beforeAll(async () => {
  lab = await open(directory.path, true);
});
afterAll(async () => {
  await lab.close();
  directory.remove();
});

it('followers share one making of the lists, until something changes', () => {
  const live = new LiveLists(lab.lab);
  const first = live.now();
  expect(live.now()).toBe(first);
  lab.lab.sites.create('west');
  // A new follower sees it at once; one that looked a moment ago sees it at its next look.
  const after = live.now(true);
  expect(after).not.toBe(first);
  expect(after.lists.sites.map((site) => site.name)).toContain('west');
  expect(live.now()).toBe(after);
});

it('a follower gets a snapshot, then only what changed', async () => {
  const ended = new AbortController();
  const stream = await lab.client.live.follow(undefined, { signal: ended.signal });
  const first = await stream.next();
  expect(first.value).toMatchObject({ kind: 'snapshot' });
  await lab.client.site.create({ name: 'east' });
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('the stream ended');
    expect(value.kind).toBe('delta');
    if (value.sites === undefined) continue;
    expect(value.sites.map((site) => site.name)).toContain('east');
    expect(value.arrays).toBeUndefined();
    break;
  }
  ended.abort();
  await stream.return?.(undefined);
});

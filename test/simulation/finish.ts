/** The end of a run: everything is healed, everything must come to rest, and what is there is compared. */
import type { Campaign, Subject } from './campaign.ts';
import { atRest, describe, repair } from './operator.ts';

const SETTLE_LIMIT_MS = 60_000;
const REST_LIMIT_MS = 240_000;

export async function finish(campaign: Campaign): Promise<void> {
  const { world, random } = campaign;
  campaign.note('heal everything');
  campaign.nemesis.stop();
  for (const host of campaign.hosts) host.stop();
  for (const disk of world.disks) disk.healAll();
  for (const a of campaign.sites) for (const b of campaign.sites) if (a.id < b.id) world.links.setLink(a.id, b.id, { latencyMs: 1, up: true });
  // A server that a fault made stop is started again, as an admin would.
  for (const site of campaign.sites) {
    if (site.state === 'up' && site.serving) continue;
    if (site.state === 'up') {
      campaign.note(`${site.id}: restart, was ${JSON.stringify(site.server?.status().state)}`);
      site.crash('keep');
    }
    if (site.state === 'booting' && world.nowMs - site.bootedAtMs > 10_000) campaign.violate(`${site.id} has been booting for ${String(world.nowMs - site.bootedAtMs)} ms`);
    void site.boot();
  }
  for (const site of campaign.sites) site.absolve();
  const up = await world.runUntil(() => campaign.sites.every((site) => site.serving), SETTLE_LIMIT_MS);
  if (!up) return campaign.violate(`liveness: not every server came up: ${campaign.sites.map((s) => `${s.id} ${s.state} ${JSON.stringify(s.server?.status().state)}`).join('; ')}`);
  campaign.healed = true;
  // Cuts from before are noticed only after a while.
  await world.run({ untilMs: world.nowMs + campaign.plan.closeDetectMs + 500 });
  await rest(campaign);
  await settleRequests(campaign);
  await write(campaign);
  await compareAll(campaign);
  if (random.chance(0.4)) {
    campaign.healed = false;
    campaign.note('everything is restarted once more');
    for (const site of campaign.sites) site.crash(random.chance(0.5) ? 'lose' : 'keep');
    for (const site of campaign.sites) void site.boot();
    await world.runUntil(() => campaign.sites.every((site) => site.serving), SETTLE_LIMIT_MS);
    await rest(campaign);
    await compareAll(campaign);
  }
}

async function settleRequests(campaign: Campaign): Promise<void> {
  const settled = await campaign.world.runUntil(() => campaign.requests.size === 0, SETTLE_LIMIT_MS);
  if (settled) return;
  const oldest = [...campaign.requests][0];
  campaign.violate(`liveness: ${String(campaign.requests.size)} requests never ended, the oldest: ${oldest?.what ?? ''}, asked at ${String(oldest?.atMs)} ms`);
}

/** Waits until every relationship rests; does as an admin what waits for an admin. */
async function rest(campaign: Campaign): Promise<void> {
  const { world } = campaign;
  const untilMs = world.nowMs + REST_LIMIT_MS;
  for (let round = 0; world.nowMs < untilMs; round++) {
    if (await world.runUntil(() => campaign.subjects.every(atRest), round < 3 ? 2000 : 8000)) return;
    for (const subject of campaign.subjects) {
      if (atRest(subject)) continue;
      campaign.note(`not at rest: ${describe(subject)}`);
      repair(campaign, subject, campaign.random, round < 8);
    }
  }
  const restless = campaign.subjects.filter((s) => !atRest(s));
  campaign.violate(`liveness: ${restless.map((s) => `${s.plan.name} does not come to rest: ${describe(s)}`).join('; ')}`);
}

/** Every volume takes a write at once. */
async function write(campaign: Campaign): Promise<void> {
  const codes: string[] = [];
  let left = 0;
  for (const subject of campaign.subjects) {
    const side = subject.model.sides.length === 1 || subject.status(0)?.role !== 'secondary' ? 0 : 1;
    left++;
    const asked = campaign.change(subject, side, 'write', 0, 4096 / subject.model.cellBytes, (code) => {
      left--;
      if (code !== null) codes.push(`${subject.plan.name}: ${code}`);
    });
    if (!asked) codes.push(`${subject.plan.name}: nobody to ask`);
  }
  const ended = await campaign.world.runUntil(() => left === 0, 20_000);
  if (!ended || codes.length > 0) campaign.violate(`a healed lab does not take writes: ${codes.join(', ')} ${ended ? '' : `${String(left)} never ended`}`);
}

async function compareAll(campaign: Campaign): Promise<void> {
  const { world } = campaign;
  await world.run({ untilMs: world.nowMs + 500 });
  await rest(campaign);
  for (const subject of campaign.subjects) await compare(campaign, subject);
  for (const site of campaign.sites) {
    const problems = (await world.settle(site.server?.check() ?? Promise.resolve([]))).filter((p) => !harmedOnly(p.found));
    const first = problems[0];
    if (first !== undefined && site.harmed.size === 0) return campaign.violate(`${site.id}: check finds ${String(problems.length)} problems, the first: ${first.file}: ${first.expected}; ${first.found}`);
  }
}

/** What a member that took harm explains. */
function harmedOnly(_found: string): boolean {
  return false;
}

async function compare(campaign: Campaign, subject: Subject): Promise<void> {
  const { world } = campaign;
  const { model } = subject;
  const copies: Uint8Array[] = [];
  for (const [side, site] of subject.sites.entries()) {
    const server = site.server;
    if (server === null) return campaign.violate(`${site.id} is down`);
    const from = model.tick();
    const bytes = await world.settle((async () => {
      const view = await server.frozenView(subject.volumeId(side));
      const whole = (await view.read(0, view.sizeBytes)).slice();
      await view.close();
      return whole;
    })());
    copies.push(bytes);
    const wrong = model.side(side).judge(model.tag, model.cellBytes, 0, bytes, from, model.tick(), false);
    if (wrong !== null) return campaign.violate(`at the end, ${subject.volumeId(side)} at ${site.id}: ${wrong}`);
  }
  const [a, b] = copies;
  if (a === undefined || b === undefined || subject.status(0) === undefined) return;
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return campaign.violate(`at rest, ${subject.plan.name} differs between its sides at byte ${String(at)} (block ${String(Math.floor(at / 4096))})`);
  }
}

import type { Prng } from '../../src-engine/runtime/simulated/index.ts';
import type { Campaign, Subject } from './campaign.ts';

const REQUESTS = 700;

/** A host: keeps some requests in flight against the side it takes for the one that serves. */
export class Host {
  private readonly campaign: Campaign;
  private readonly subject: Subject;
  private readonly random: Prng;
  private readonly depth: number;
  private readonly thinkMs: number;
  private readonly readShare: number;
  private readonly spanCells: number;
  private side = 0;
  private inFlight = 0;
  private asked = 0;
  private stopped = false;

  constructor(campaign: Campaign, subject: Subject, random: Prng) {
    this.campaign = campaign;
    this.subject = subject;
    this.random = random;
    this.depth = random.pick([1, 2, 4, 12]);
    this.thinkMs = random.pick([5, 20, 60, 200]);
    this.readShare = random.pick([0.1, 0.3, 0.5]);
    const cells = subject.model.sizeBytes / subject.model.cellBytes;
    // A small working set makes overlaps frequent.
    this.spanCells = Math.max(1, Math.floor(cells * random.pick([1, 0.25, 0.05])));
  }

  start(): void {
    // After its share of requests a host slows down: a seed is to be small.
    const thinkMs = this.asked > REQUESTS ? Math.max(400, this.thinkMs) : this.thinkMs;
    this.campaign.world.schedule(this.random.between(0, 2 * thinkMs), 'host', () => {
      if (this.stopped) return;
      this.act();
      this.start();
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private act(): void {
    const { random, campaign, subject } = this;
    const bursts = random.chance(0.05) ? this.depth * 2 : 1;
    for (let i = 0; i < bursts && this.inFlight < this.depth * 2; i++) {
      const { firstCell, cells } = this.range();
      this.inFlight++;
      this.asked++;
      const ended = (code: string | null): void => {
        this.inFlight--;
        if (code !== null && random.chance(0.5)) this.turn();
      };
      const kind = random.chance(this.readShare) ? 'read' : random.pick(['write', 'write', 'write', 'write', 'write', 'write', 'trim', 'zero'] as const);
      const asked = kind === 'read' ? campaign.read(subject, this.side, firstCell, cells, ended) : campaign.change(subject, this.side, kind, firstCell, cells, ended);
      if (!asked) {
        this.inFlight--;
        this.turn();
        return;
      }
    }
  }

  private turn(): void {
    if (this.subject.sites.length > 1) this.side = 1 - this.side;
  }

  private range(): { readonly firstCell: number; readonly cells: number } {
    const { random } = this;
    const { cellBytes, sizeBytes } = this.subject.model;
    const perBlock = 4096 / cellBytes;
    const total = sizeBytes / cellBytes;
    let firstCell = random.below(this.spanCells);
    let cells = random.pick([1, perBlock, perBlock, perBlock * 2, perBlock * 4, perBlock * 16]);
    if (random.chance(0.3)) cells = 1 + random.below(perBlock * 3);
    if (random.chance(0.7)) {
      firstCell -= firstCell % perBlock;
    }
    if (this.campaign.random.chance(0.005)) cells = perBlock * 64;
    return { firstCell, cells: Math.max(1, Math.min(cells, total - firstCell)) };
  }
}

import type { Drill } from '../../../src-engine/contract/index.ts';
import type { IconName, Tone } from '../../shared/index.ts';

interface Look {
  tone: Tone;
  icon: IconName;
}

export const stepLook: Record<Drill['steps'][number]['state'], Look> = {
  pending: { tone: 'idle', icon: 'circle' },
  waiting: { tone: 'warn', icon: 'play' },
  running: { tone: 'busy', icon: 'sync' },
  done: { tone: 'ok', icon: 'check-circle' },
  failed: { tone: 'bad', icon: 'cross-circle' },
};

export const drillLook: Record<Drill['state'], Look> = {
  running: { tone: 'busy', icon: 'sync' },
  waiting: { tone: 'warn', icon: 'play' },
  done: { tone: 'ok', icon: 'check-circle' },
  failed: { tone: 'bad', icon: 'cross-circle' },
  cancelled: { tone: 'idle', icon: 'cross' },
  'cleanup-incomplete': { tone: 'bad', icon: 'warning' },
};

export const isOpen = (drill: Drill): boolean =>
  drill.state === 'running' || drill.state === 'waiting' || drill.state === 'cleanup-incomplete';

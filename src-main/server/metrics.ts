import { collectDefaultMetrics, Registry } from 'prom-client';
import type { MetricFamily } from '../../src-engine/contract/index.ts';

const registry = new Registry();
let collecting = false;

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function family({ name, help, type, samples }: MetricFamily): string {
  const lines = samples.map(({ labels, value }) => {
    const inner = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${inner.length === 0 ? '' : `{${inner.join(',')}}`} ${value}`;
  });
  return [`# HELP ${name} ${help.replaceAll('\n', ' ')}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

/** Prometheus text format 0.0.4: the engine's families, then those of this process. */
export async function prometheusText(families: readonly MetricFamily[]): Promise<string> {
  if (!collecting) collectDefaultMetrics({ register: registry });
  collecting = true;
  return `${families.map(family).join('\n')}${families.length === 0 ? '' : '\n'}${await registry.metrics()}`;
}

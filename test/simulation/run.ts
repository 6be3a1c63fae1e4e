import { runSeed } from './campaign.ts';
const seed = Number(process.argv[2]); 
for (let s = seed; s < seed + Number(process.argv[3] ?? 1); s++) {
  const t = Date.now();
  const r = await runSeed(s, { verbose: process.argv[4] === 'v' });
  console.log(s, r.profile, `${Date.now() - t} ms`, r.steps, 'steps', (r.virtualMs/1000).toFixed(1), 's', r.acknowledged, 'acks', r.violation?.slice(0, 300) ?? 'ok');
}
process.exit(0);

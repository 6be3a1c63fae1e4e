/**
 * The built console against the memory lab, for people who work on its looks:
 * `node test/renderer/lab/serve.ts DIR [PORT]`, then `/?scene=calm|disaster|resyncing|drill|report|first-run`.
 */
import { createServer } from 'node:http';
import { RPCHandler } from '@orpc/server/ws';
import { WebSocketServer } from 'ws';
import { consoleFile } from '../../../src-main/web/index.ts';
import { calm, disaster, drill, finishedDrill, resyncing } from './data.ts';
import { MemoryLab, routerOf } from './router.ts';

const scenes: Record<string, () => MemoryLab> = {
  calm: () => new MemoryLab({ ...calm(), drills: [finishedDrill()] }),
  disaster: () => new MemoryLab(disaster()),
  resyncing: () => new MemoryLab(resyncing()),
  drill: () => new MemoryLab({ ...disaster(), drills: [drill(5)] }),
  report: () => new MemoryLab({ ...calm(), drills: [finishedDrill()] }),
  'first-run': () => new MemoryLab(calm(), { lab: 'none' }),
};

const root = process.argv[2] ?? 'out/renderer';
let scene = 'calm';
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  scene = url.searchParams.get('scene') ?? scene;
  void consoleFile(root, url.pathname).then(async (answer) => {
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
});
new WebSocketServer({ server, path: '/rpc' }).on('connection', (socket) => {
  const lab = (scenes[scene] ?? scenes['calm'])?.();
  if (lab !== undefined) void new RPCHandler(routerOf(lab)).upgrade(socket, { context: {} });
});
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify(server.address())}\n`),
);

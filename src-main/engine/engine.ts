import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpenAPIHandler } from '@orpc/openapi/fetch';
import { createRouterClient, implement, type Router } from '@orpc/server';
import { StandardRPCHandler, type StandardHandleOptions } from '@orpc/server/standard';
import { isContractProcedure, type AnyContractRouter, type ContractRouterClient } from '@orpc/contract';
import {
  contract,
  doorContract,
  hostContract,
  type DoorContract,
  type HostStatus,
  type ProcedureMeta,
  type Refusal,
} from '../../src-engine/contract/index.ts';
import { coercion } from './coercion.ts';
import { messageOf, refusalIn, refusal, refused } from './refusals.ts';

/** Who asks. `local`: the person at the machine, who may name files of it (CLI socket, native dialogs). */
export interface Caller extends Record<PropertyKey, unknown> {
  readonly actor: string;
  readonly local: boolean;
}

/** What a host needs of a lab. `router` implements `contract`, with `{ actor }` as its context. */
export interface OpenedLab {
  readonly router: unknown;
  close(): Promise<void>;
  /** Ends the lab as in a power cut, with an event that says why. */
  abandon?(reason: string): Promise<void>;
  /** Tells others where this process listens (`lab.lock`). */
  announce?(addition: { readonly socket?: string; readonly url?: string }): Promise<void>;
}
export interface OpenRequest {
  readonly directory: string;
  /** Present: a new lab is made there. */
  readonly create?: { readonly demo?: 'two-site' | undefined; readonly name?: string | undefined };
  /** Resolve only once the servers that can reach each other have met. */
  readonly settled?: boolean;
  /** Only look: nothing in the directory is changed. */
  readonly look?: boolean;
}
export type LabOpener = (request: OpenRequest) => Promise<OpenedLab>;

export type DoorClient = ContractRouterClient<DoorContract>;

export interface EngineOptions {
  readonly directory: string;
  readonly host: HostStatus['host'];
  readonly version: string;
  readonly openLab: LabOpener;
  /** A failure that no procedure declares: a bug, to be written to the log. */
  readonly onBug: (error: unknown, path: readonly string[]) => void;
  readonly engineStarts?: number;
  readonly lastCrash?: string | null;
}

/** True where the directory holds a lab, or what is left of one: nothing is made over that, except over an unfinished creation. */
export const isLab = (directory: string): boolean =>
  existsSync(join(directory, 'lab.json')) ||
  (existsSync(join(directory, 'catalog.sqlite')) && !existsSync(join(directory, 'lab.unfinished')));

type AnyRouter = Router<AnyContractRouter, Caller>;

/**
 * One host's engine: at most one open lab and the router of all doors, which answers `host.*` always and everything else
 * while a lab is open. Doors hold this object, not the router: a lab may be opened after they were.
 */
export class Engine {
  private readonly options: EngineOptions;
  private directory: string;
  private lab: OpenedLab | null = null;
  private state: HostStatus['lab'] = 'none';
  private error: Refusal | null = null;
  private handlers: { readonly rpc: StandardRPCHandler<Caller>; readonly http: OpenAPIHandler<Caller> };
  private router: AnyRouter;
  private address: { socket?: string; url?: string } = {};

  constructor(options: EngineOptions) {
    this.options = options;
    this.directory = options.directory;
    this.router = this.routerWith(refusingRouter(() => this.notOpen()));
    this.handlers = this.handlersOf(this.router);
  }

  status(): HostStatus {
    return {
      lab: this.state,
      host: this.options.host,
      directory: this.directory,
      version: this.options.version,
      engineStarts: this.options.engineStarts ?? 1,
      lastCrash: this.options.lastCrash ?? null,
      error: this.error,
    };
  }

  /** Opens the lab of the directory if it holds one; otherwise the state stays `none`. Never throws: the state tells. */
  async start(): Promise<HostStatus> {
    if (!isLab(this.directory)) return this.status();
    await this.open({ directory: this.directory }).catch(() => undefined);
    return this.status();
  }

  /** Opens or creates; throws the declared error, and keeps the reason in the state. */
  async open(request: OpenRequest): Promise<HostStatus> {
    if (this.state !== 'none' && this.state !== 'failed') {
      throw refused(
        refusal(
          'lab/already-open',
          `A lab is ${this.state} here.`,
          'Use the open lab, or start another host for another directory.',
        ),
      );
    }
    if (request.create !== undefined && isLab(request.directory)) {
      throw refused(
        refusal('lab/exists', `${request.directory} holds a lab already.`, 'Open it, or name another directory.'),
      );
    }
    if (request.create === undefined && !isLab(request.directory)) {
      throw refused(
        refusal(
          'lab/not-found',
          `${request.directory} holds no lab.`,
          'Create one with: lockstep lab create --lab DIR --demo two-site',
        ),
      );
    }
    this.directory = request.directory;
    this.state = 'opening';
    this.error = null;
    try {
      this.lab = await this.options.openLab(request);
      this.router = this.routerWith(this.lab.router as AnyRouter);
      this.handlers = this.handlersOf(this.router);
      this.state = 'open';
    } catch (error) {
      this.state = 'failed';
      this.error =
        refusalIn(error) ?? refusal('lab/open-failed', messageOf(error), 'Run: lockstep lab check --lab DIR');
      if (refusalIn(error) === null) this.options.onBug(error, ['host', 'open']);
      throw refused(this.error);
    }
    await this.announce(this.address);
    return this.status();
  }

  /** Says where this host listens, now and for every lab it opens later. */
  async announce(address: { socket?: string; url?: string }): Promise<void> {
    this.address = { ...this.address, ...address };
    await this.lab?.announce?.(this.address);
  }

  /** Graceful: the lab takes its last consistency points. Idempotent. */
  async close(): Promise<void> {
    const lab = this.lab;
    if (lab === null) return;
    this.lab = null;
    this.state = 'closing';
    this.router = this.routerWith(refusingRouter(() => this.notOpen()));
    this.handlers = this.handlersOf(this.router);
    await lab.close();
    this.state = 'none';
  }

  /** After an exception that nobody expected: the lab ends as in a power cut (decision 0015). The process is to end too. */
  async abandon(reason: string): Promise<void> {
    const { lab } = this;
    if (lab?.abandon === undefined) return this.close();
    this.lab = null;
    this.state = 'closing';
    this.router = this.routerWith(refusingRouter(() => this.notOpen()));
    this.handlers = this.handlersOf(this.router);
    await lab.abandon(reason);
    this.state = 'none';
  }

  /** In-process calls, validated like any other. */
  client(caller: Caller): DoorClient {
    return createRouterClient(this.router, { context: caller }) as unknown as DoorClient;
  }

  /** What `WsHandler` wants; always the present router. */
  get rpc(): Pick<StandardRPCHandler<Caller>, 'handle'> {
    return { handle: (request, options: StandardHandleOptions<Caller>) => this.handlers.rpc.handle(request, options) };
  }

  /** HTTP as the contract's routes say, under `/api`. Null where no procedure has that route. */
  async http(request: Request, caller: Caller): Promise<Response | null> {
    const result = await this.handlers.http.handle(request, { prefix: '/api', context: caller });
    return result.matched ? result.response : null;
  }

  private handlersOf(router: AnyRouter): typeof this.handlers {
    const clientInterceptors = [this.guard];
    return {
      rpc: new StandardRPCHandler<Caller>(router, { clientInterceptors }),
      http: new OpenAPIHandler<Caller>(router, { clientInterceptors, plugins: [coercion()] }),
    };
  }

  /** Before every procedure: may this caller name files? After: a failure that nobody declared is a bug, and is told without its inside. */
  private readonly guard = async (options: {
    readonly context: Caller;
    readonly path: readonly string[];
    readonly procedure: { readonly '~orpc': { readonly meta: object } };
    next(): Promise<unknown>;
  }): Promise<unknown> => {
    const meta = options.procedure['~orpc'].meta as ProcedureMeta;
    if (meta.userFiles === true && !options.context.local) throw refused(pathRefusal);
    try {
      return await options.next();
    } catch (error) {
      if (isDeclared(error)) throw error;
      const inside = refusalIn(error);
      if (inside !== null) throw refused(inside);
      this.options.onBug(error, options.path);
      throw error;
    }
  };

  private notOpen(): Refusal {
    if (this.error !== null) return this.error;
    return refusal(
      'lab/not-open',
      `No lab is open (${this.state}).`,
      'Create or open one first; host.status says what is there.',
    );
  }

  private routerWith(labRouter: AnyRouter): AnyRouter {
    const host = implement(hostContract).$context<Caller>();
    return {
      ...(labRouter as Record<string, AnyRouter>),
      host: {
        status: host.status.handler(() => this.status()),
        create: host.create.handler(({ input }) => this.open({ directory: this.directory, create: input })),
        open: host.open.handler(({ input, context }) => {
          if (input.directory !== undefined && !context.local) throw refused(pathRefusal);
          return this.open({ directory: input.directory ?? this.directory });
        }),
      },
    };
  }
}

const pathRefusal = refusal(
  'host/path-not-allowed',
  'Files of the machine are named by its own user only.',
  'Use the command line on that machine, or send the content over HTTP (/api/volumes/{id}/content).',
);

/** oRPC's own errors (bad input, declared refusals) pass as they are. */
const isDeclared = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'status' in error &&
  'code' in error &&
  error.status !== 500 &&
  typeof error.code === 'string';

/** The lab's part of the router while no lab is open: everything is refused with the present reason. */
function refusingRouter(reason: () => Refusal): AnyRouter {
  const refuse = (node: unknown): unknown =>
    isContractProcedure(node)
      ? implement(node)
          .$context<Caller>()
          .handler(() => {
            throw refused(reason());
          })
      : Object.fromEntries(Object.entries(node as Record<string, unknown>).map(([key, child]) => [key, refuse(child)]));
  return refuse(contract) as AnyRouter;
}

/** The version as package.json says. */
export function packageVersion(root: string): string {
  const parsed = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return parsed.version;
}

export const wholeContract = doorContract;

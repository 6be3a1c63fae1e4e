import { isContractProcedure } from '@orpc/contract';
import { ZodToJsonSchemaConverter } from '@orpc/zod/zod4';
import { OpenAPIGenerator } from '@orpc/openapi';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { doorContract, MIRROR_ACTIONS, mirrorContract, refusalSchema } from '../../src-engine/contract/index.ts';

interface Walked {
  readonly name: string;
  readonly definition: {
    readonly inputSchema: unknown;
    readonly outputSchema: unknown;
    readonly route: { method?: string; path?: string; summary?: string; tags?: readonly string[] };
    readonly meta: { readOnly?: boolean; userFiles?: boolean };
    readonly errorMap: Record<string, unknown>;
  };
}
interface Validator {
  '~standard': { validate(value: unknown): unknown };
}

function walk(node: unknown, path: readonly string[], into: Walked[]): Walked[] {
  if (isContractProcedure(node))
    into.push({ name: path.join('.'), definition: node['~orpc'] as unknown as Walked['definition'] });
  else for (const [key, child] of Object.entries(node as Record<string, unknown>)) walk(child, [...path, key], into);
  return into;
}
const procedures = walk(doorContract, [], []);

describe('the contract', () => {
  test.each(procedures)(
    'rule 7: $name has an input schema, an output schema, a route and the one declared error',
    ({ definition }) => {
      expect(definition.inputSchema).toBeDefined();
      expect(definition.outputSchema).toBeDefined();
      expect(definition.route.path).toMatch(/^\/[a-z-]+(\/[a-z-]+|\/\{[a-z]+\})*$/);
      expect(definition.route.method).toBeDefined();
      expect(definition.route.summary).toBeTruthy();
      expect(definition.route.tags).toHaveLength(1);
      expect(Object.keys(definition.errorMap)).toEqual(['REFUSED']);
      expect(definition.meta.readOnly).toBeTypeOf('boolean');
    },
  );

  test('no two procedures share a method and a path', () => {
    const routes = procedures.map(
      ({ definition }) => `${definition.route.method} ${definition.route.path?.replaceAll(/\{[^}]+\}/g, '{}')}`,
    );
    expect(new Set(routes).size).toBe(routes.length);
  });

  test('a GET changes nothing', () => {
    const wrong = procedures.filter(
      ({ definition }) => definition.route.method === 'GET' && definition.meta.readOnly !== true,
    );
    expect(wrong.map((p) => p.name)).toEqual([]);
  });

  test('every action of the one vocabulary is a procedure of its own name', () => {
    for (const action of MIRROR_ACTIONS) expect(isContractProcedure(mirrorContract[action])).toBe(true);
  });

  test('exactly the procedures that take a path of the person at the machine are marked so', () => {
    const marked = procedures.filter(({ definition }) => definition.meta.userFiles === true).map((p) => p.name);
    expect(marked.sort()).toEqual(['volume.export', 'volume.import']);
  });

  test('the OpenAPI document holds every procedure', async () => {
    const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] });
    const document = await generator.generate(doorContract, { info: { title: 'Lockstep', version: '0' } });
    const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.keys(path ?? {}));
    expect(operations).toHaveLength(procedures.length);
  });

  test('refusal codes are R01 to R99 or noun/what, nothing else', () => {
    const refusal = { message: 'm', hint: 'h', overridable: false };
    for (const code of ['R01', 'R32', 'lab/locked', 'volume/not-found'])
      expect(refusalSchema.safeParse({ ...refusal, code }).success).toBe(true);
    for (const code of ['R1', 'r01', 'nonsense', 'Lab/locked', 'lab/', ''])
      expect(refusalSchema.safeParse({ ...refusal, code }).success).toBe(false);
  });

  property.prop([fc.jsonValue()])(
    'rule 7: any JSON gets a verdict from every input schema, never an exception',
    (value) => {
      for (const { definition } of procedures) {
        const result = (definition.inputSchema as Validator)['~standard'].validate(value);
        expect(result).toBeTypeOf('object');
      }
    },
  );
});

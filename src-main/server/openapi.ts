import { OpenAPIGenerator } from '@orpc/openapi';
import { ZodToJsonSchemaConverter } from '@orpc/zod/zod4';
import {
  arraySchema,
  auditSchema,
  clusterSchema,
  doorContract,
  drillSchema,
  eventSchema,
  faultSchema,
  hostStatusSchema,
  jobSchema,
  linkSchema,
  mirrorPreviewSchema,
  mirrorSchema,
  poolSchema,
  refusalSchema,
  serverDetailSchema,
  serverSchema,
  siteSchema,
  volumeSchema,
  workloadSchema,
} from '../../src-engine/contract/index.ts';

const commonSchemas = {
  Refusal: { schema: refusalSchema },
  Site: { schema: siteSchema },
  Cluster: { schema: clusterSchema },
  Server: { schema: serverSchema },
  ServerDetail: { schema: serverDetailSchema },
  Link: { schema: linkSchema },
  Array: { schema: arraySchema },
  Pool: { schema: poolSchema },
  Volume: { schema: volumeSchema },
  Mirror: { schema: mirrorSchema },
  MirrorPreview: { schema: mirrorPreviewSchema },
  Workload: { schema: workloadSchema },
  Audit: { schema: auditSchema },
  Fault: { schema: faultSchema },
  Job: { schema: jobSchema },
  Event: { schema: eventSchema },
  Drill: { schema: drillSchema },
  HostStatus: { schema: hostStatusSchema },
};

/** OpenAPI 3.1, generated from the contract; the two content routes, which carry bytes, are added by hand. */
export async function openApiDocument(version: string): Promise<object> {
  const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] });
  const document = await generator.generate(doorContract, {
    info: {
      title: 'Lockstep',
      version,
      description: 'A laboratory for storage replication. Every call carries the token of this start of the host.',
    },
    servers: [{ url: '/api' }],
    security: [{ token: [] }],
    commonSchemas,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  });
  const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  const parameters = [{ name: 'volume', in: 'path', required: true, schema: { type: 'string' } }];
  return {
    ...document,
    paths: {
      ...document.paths,
      '/volumes/{volume}/content': {
        get: {
          operationId: 'volume.download',
          summary: 'The whole content',
          tags: ['volume'],
          parameters,
          responses: { 200: { description: 'OK', content: bytes } },
        },
        put: {
          operationId: 'volume.upload',
          summary: 'Overwrite the content from the start; the rest of a larger volume stays',
          tags: ['volume'],
          parameters,
          requestBody: { required: true, content: bytes },
          responses: { 200: { description: 'Bytes written, durable' } },
        },
      },
    },
  };
}

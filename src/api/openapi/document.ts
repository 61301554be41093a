import type { Schema } from './json-schema.ts'
import { openApiPaths } from './paths.ts'
import { SCHEMAS } from './schemas.ts'

/** The OpenAPI 3.1 document of the merchant API, written by hand; test/api holds it against routes and real answers. */
export function openApiDocument(origin: string): Schema {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Paytomat merchant API',
      version: '1',
      description: 'Amounts are decimal strings, times RFC 3339 in UTC, errors RFC 9457 problems with a stable `code`.',
    },
    servers: [{ url: origin }],
    security: [{ apiKey: [] }],
    paths: openApiPaths(),
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of one store.' } },
      schemas: SCHEMAS,
    },
  }
}

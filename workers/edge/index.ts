/** The edge Worker: the only public door. Merchant API, checkout, refund links, approvals, widget, health; static files are served before it. */
import { Hono } from 'hono'
import { createApi } from '../../src/api/app.ts'
import { securityHeaders } from '../../src/api/headers.ts'
import { createHealth } from '../../src/api/health.ts'
import { createPages } from '../../src/api/pages.tsx'
import { createApprove } from '../../src/approve/routes.tsx'
import { createCheckout } from '../../src/checkout/routes.tsx'
import { createClaim } from '../../src/claim/routes.tsx'
import type { EdgeEnv } from './env.ts'

const app = new Hono<{ Bindings: EdgeEnv }>()
  .use(securityHeaders())
  .route('/', createApi())
  .route('/', createHealth())
  .route('/', createPages())
  .route('/', createCheckout())
  .route('/', createClaim())
  .route('/', createApprove())

export default app satisfies ExportedHandler<EdgeEnv>

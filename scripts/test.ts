/** `npm test`: everything. The last line says `N passed, N failed`; types and lint count only when they fail. */
import { conclude, runStaticChecks, runTests } from './checks.ts'

const quick = await Promise.all([runStaticChecks(), runTests(['unit', 'worker'])])
const slow = await runTests(['nodes', 'thorough', 'thorough-worker', 'sim'])
// The end-to-end tests come last: they measure nothing, but they wait for real nodes on the same processors.
conclude([...quick, slow, await runTests(['e2e'])])

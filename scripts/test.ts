/** `npm test`: everything. The last lines name what failed and say `N passed, N failed`; types and lint count only when they fail. */
import { conclude, runStaticChecks, runTests } from './checks.ts'

// Histories only compute, at the lowest priority; all others wait, for nodes and blocks and looks, and leave processors idle.
const simulation = runTests(['sim'], { isBeside: true })
const quick = await Promise.all([runStaticChecks(), runTests(['unit', 'worker'])])
const slow = await runTests(['nodes', 'thorough', 'thorough-worker'])
const whole = await runTests(['e2e'])
conclude([...quick, slow, whole, await simulation])

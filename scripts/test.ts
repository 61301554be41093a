/** `npm test`: everything. The last line says `N passed, N failed`; types and lint count only when they fail. */
import { conclude, runStaticChecks, runTests } from './checks.ts'

// The end-to-end tests come last and alone: they measure nothing, but they wait for real nodes on the same processors.
conclude([await runStaticChecks(), await runTests(['unit', 'worker']), await runTests(['e2e'])])

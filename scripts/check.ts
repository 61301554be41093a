/** `npm run check`: types, lint, and all tests that need no nodes. Made to be run often. */
import { conclude, runStaticChecks, runTests } from './checks.ts'

conclude(await Promise.all([runStaticChecks(), runTests(['unit', 'worker'])]))

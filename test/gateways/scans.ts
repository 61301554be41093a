import { fingerprintOf, type Scan, type Transfer } from '../../src/gateways/gateway.ts'
import { equalBytes } from '../../src/lib/bytes.ts'
import { must } from './bitcoin/spending.ts'

/** What a scan holds for one of these keys, found as the watch list finds it. */
export async function transfersTo(keys: readonly Uint8Array[], scan: Scan): Promise<Transfer[]> {
  const wanted = keys.map(fingerprintOf)
  const positions = Array.from({ length: scan.fingerprints.length / 8 }, (_, at) => at).filter((at) =>
    wanted.some((one) => equalBytes(scan.fingerprints.subarray(at * 8, at * 8 + 8), one)),
  )
  return must(await scan.resolve(positions)).filter(({ watchKey }) => keys.some((key) => equalBytes(watchKey, key)))
}

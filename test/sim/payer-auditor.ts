import { toHex } from '../../src/lib/bytes.ts'
import type { TransferRecord } from '../../src/wallet/transfers/record.ts'
import { insist } from './auditor.ts'
import type { SimChain } from './chain.ts'
import type { Plot } from './plot.ts'
import { effective } from './transactions.ts'

interface Payer {
  readonly chain: SimChain
  /** The hexadecimal of its address. */
  readonly key: string
  readonly asset: string
  readonly ids: Set<string>
  /** Those that they are confirmed by. */
  readonly blocks: Set<string>
  units: bigint
}

/**
 * All that is signed to be paid by one account, and may be, comes to no more than it ever had: by what was there first, and
 * by the blocks of every branch. Network fees are beside it.
 */
export function checkPayers(plot: Plot, records: readonly TransferRecord[]): void {
  const payers = new Map<string, Payer>()
  for (const { transfer, payer, calledBack } of records) {
    const { id, chainId, asset, units, kind, status, signed, included } = transfer
    // In the place of what is called back there is a payment to nobody.
    if (payer === null || signed.length === 0 || status === 'failed' || kind === 'sweep' || calledBack !== undefined) continue
    const key = payer.address.slice(2).toLowerCase()
    const chain = plot.world.chain(chainId)
    const found = payers.get(`${key} ${asset}`) ?? { chain, key, asset, ids: new Set(), blocks: new Set(), units: 0n }
    found.ids.add(id)
    if (status === 'confirmed' && included) found.blocks.add(included.blockHash)
    found.units += units
    payers.set(`${key} ${asset}`, found)
  }
  for (const payer of payers.values()) if (payer.ids.size > 1) checkPayer(payer)
}

function checkPayer({ chain, key, asset, ids, blocks, units }: Payer): void {
  let had = 0n
  for (const { output } of chain.branches.endowments) if (output.asset === asset && toHex(output.key) === key) had += output.units
  if (units <= had) return
  // What was over, and was taken back by a deeper reorganisation, was free to be spent again.
  for (const hash of blocks) if (!chain.find(({ ref }) => ref.hash === hash)) return
  const received = new Map<string, bigint>()
  for (const block of chain.byHash.values()) {
    for (const { txid, own } of block.transactions) {
      if (own?.from !== key) continue
      // What moved nothing in one branch may move it in another, and how much a flush brings is the branch's to say.
      if (block.failed.has(txid) || own.call?.flush?.asset === asset) return
    }
    for (const { txid, outputs } of effective(block))
      for (const { index, key: to, asset: code, units: paid } of outputs)
        if (code === asset && toHex(to) === key) received.set(`${txid}:${index}`, paid)
  }
  for (const paid of received.values()) had += paid
  insist(units <= had, `${key} never had more than ${had} ${asset}, and ${units} are signed by ${[...ids]}`)
}

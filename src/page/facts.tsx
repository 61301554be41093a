import type { Child } from 'hono/jsx'
import type { Rail } from '../money/registry.ts'
import { shortId } from './format.ts'

/** One row of a list of facts. */
export function Fact({ name, children }: { name: string; children: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** An id, which is long: its name above it; `children` behind it. */
export function IdFact({ name, id, children }: { name: string; id: string; children?: Child }) {
  return (
    <div class="ref">
      <dt>{name}</dt>
      <dd class="id">
        <code translate="no">{id}</code>
        {children}
      </dd>
    </div>
  )
}

export function NetworkFact({ view, rail }: { view: { readonly t: { network: string; testNetwork: string } }; rail: Rail }) {
  const { t } = view
  return (
    <Fact name={t.network}>
      {rail.name} {isTestNetwork(rail) && <span class="tag">{t.testNetwork}</span>}
    </Fact>
  )
}

/** A transaction, and where others show it. */
export function TransactionFact({ view, rail, txid }: { view: Transacting; rail: Rail; txid: string }) {
  const url = explorerUrl(rail, txid)
  return (
    <Fact name={view.t.transaction}>
      <code translate="no">{shortId(txid)}</code>{' '}
      {url && (
        <a href={url} target="_blank" rel="noreferrer">
          {view.t.lookUp}
        </a>
      )}
    </Fact>
  )
}

/** Of a view: what these facts say. */
interface Transacting {
  readonly t: { readonly transaction: string; readonly lookUp: string }
}

/** Null where the installation names no explorer. */
export function explorerUrl({ explorer }: Rail, txid: string): string | null {
  return explorer ? explorer.replace('{txid}', txid) : null
}

export function isTestNetwork({ network }: Rail): boolean {
  return network !== 'mainnet'
}

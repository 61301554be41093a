import { assetCode, count, list, record, type Schema, text, textOrNull } from './json-schema.ts'
import type { Operations } from './operation.ts'

const asset = record({
  code: assetCode,
  object: { const: 'asset' },
  id: { ...text, description: 'CAIP-19, or `iso4217:EUR`' },
  kind: { enum: ['native', 'erc20', 'fiat'] },
  chain: textOrNull,
  name: text,
  decimals: count,
})

export const ASSET_SCHEMAS = {
  AssetList: record({ data: list(asset) }),
} as const satisfies Record<string, Schema>

export const ASSET_OPERATIONS: Operations<keyof typeof ASSET_SCHEMAS> = {
  '/v1/payment_methods': {
    get: { id: 'listPaymentMethods', summary: 'What the store can be paid in', status: 200, answer: 'AssetList', refuses: [] },
  },
  '/v1/assets': {
    get: { id: 'listAssets', summary: 'What an invoice can be priced in', status: 200, answer: 'AssetList', refuses: [] },
  },
}

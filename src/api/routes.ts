import { listAssets, listPaymentMethods } from './assets.ts'
import { readBalances } from './balances.ts'
import { assignEntry, importStatements, listBankAccounts, listUnmatched } from './bank.ts'
import type { Route } from './call.ts'
import { createInvoice } from './create-invoice.ts'
import { activateMethod, listEvents, listInvoices, readInvoice, resolveInvoice } from './invoices.ts'
import { listPostings, listTransactions } from './ledger.ts'
import { readStatement } from './statement.ts'
import { listAddresses, listWallets, readAddressBalance, readWalletBalance } from './wallets.ts'
import { createEndpoint, listDeliveries, listEndpoints } from './webhooks.ts'

/** The merchant API, every route of it; all need an API key. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/invoices', handle: createInvoice },
  { method: 'GET', path: '/invoices', handle: listInvoices },
  { method: 'GET', path: '/invoices/:id', handle: readInvoice },
  { method: 'GET', path: '/invoices/:id/events', handle: listEvents },
  { method: 'GET', path: '/invoices/:id/deliveries', handle: listDeliveries },
  { method: 'GET', path: '/invoices/:id/postings', handle: listPostings },
  { method: 'POST', path: '/invoices/:id/payment_methods/:asset', handle: activateMethod },
  { method: 'POST', path: '/invoices/:id/resolution', handle: resolveInvoice },
  { method: 'POST', path: '/webhook_endpoints', handle: createEndpoint },
  { method: 'GET', path: '/webhook_endpoints', handle: listEndpoints },
  { method: 'GET', path: '/balances', handle: readBalances },
  { method: 'GET', path: '/ledger/transactions', handle: listTransactions },
  { method: 'GET', path: '/ledger/statement', handle: readStatement },
  { method: 'GET', path: '/wallets', handle: listWallets },
  { method: 'GET', path: '/wallets/:id/balance', handle: readWalletBalance },
  { method: 'GET', path: '/wallets/:id/addresses', handle: listAddresses },
  { method: 'GET', path: '/wallets/:id/addresses/:address/balance', handle: readAddressBalance },
  { method: 'POST', path: '/bank/statements', handle: importStatements },
  { method: 'GET', path: '/bank/accounts', handle: listBankAccounts },
  { method: 'GET', path: '/bank/unmatched', handle: listUnmatched },
  { method: 'POST', path: '/bank/unmatched/:id/assignment', handle: assignEntry },
  { method: 'GET', path: '/payment_methods', handle: listPaymentMethods },
  { method: 'GET', path: '/assets', handle: listAssets },
]

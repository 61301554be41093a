/** Core and the signer as one Worker, so that signer objects ask the real objects of invoices and ledgers. */
export * from '../../workers/core/index.ts'
export { default } from '../../workers/core/index.ts'
export { Signer, SignerObject } from '../../workers/signer/index.ts'

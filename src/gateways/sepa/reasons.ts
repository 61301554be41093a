/** What the codes mean that banks give most (ISO 20022 external code sets: status reasons and return reasons). */
const WORDS: Readonly<Record<string, string>> = {
  AC01: 'the account number is wrong',
  AC04: 'the account is closed',
  AC06: 'the account is blocked',
  AG01: 'the account takes no such transfers',
  AM04: 'the account does not have the money',
  AM05: 'the bank has it already',
  BE04: 'the recipient’s address is missing or wrong',
  CNOR: 'the recipient’s bank is not reached by SEPA',
  DUPL: 'the bank has it already',
  FF01: 'the file’s form is wrong',
  FOCR: 'called back by the sender',
  MD07: 'the account holder has died',
  MS02: 'the recipient refuses it',
  MS03: 'no reason given',
  RC01: 'the BIC is wrong',
  TM01: 'it came after the bank’s hours',
}

/** A code with its meaning, where it is a common one. */
export function wordsOf(code: string): string {
  return Object.hasOwn(WORDS, code) ? `${code} (${WORDS[code]})` : code
}

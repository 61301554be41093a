/**
 * IBAN (ISO 13616): country, two check digits, and a national account number of a length that the country fixes.
 * Letters count as 10 to 35, and the whole, its first four characters put last, is 1 modulo 97 (ISO/IEC 7064).
 */

/** Characters of an IBAN by country: SWIFT's IBAN Registry. */
const LENGTHS = new Map(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
   FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
   LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
   RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30`
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** Where an account can be paid by SEPA credit transfer: the EPC's list of countries (EPC409-09). */
const SEPA_COUNTRIES =
  'AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM VA'

/** Reads an IBAN as people write it, with spaces or in lower case. Answers its electronic form, or null when it is none. */
export function readIban(text: string): string | null {
  if (text.length > 60) return null
  const iban = text.replace(/\s/g, '').toUpperCase()
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]+$/.test(iban) || LENGTHS.get(iban.slice(0, 2)) !== iban.length) return null
  return isChecked(iban) ? iban : null
}

/** Groups of four, as on paper. */
export function printIban(iban: string): string {
  return iban.replace(/(.{4})(?=.)/g, '$1 ')
}

export function isSepaCountry(iban: string): boolean {
  return SEPA_COUNTRIES.split(' ').includes(iban.slice(0, 2))
}

/** BIC (ISO 9362): four of the bank, two of the country, two of the place, and three of a branch or nothing. */
export function isBic(text: string): boolean {
  return /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/.test(text)
}

/**
 * Whether the check digits at 3 and 4 are right. 00, 01 and 99 would be too, by the remainder alone, and are never given
 * out.
 */
export function isChecked(code: string): boolean {
  const digits = code.slice(2, 4)
  return digits !== '00' && digits !== '01' && digits !== '99' && mod97(code.slice(4) + code.slice(0, 4)) === 1
}

/** The check digits of `RF`, `DE` and the like before what follows them. */
export function checkDigits(prefix: string, rest: string): string {
  return String(98 - mod97(`${rest}${prefix}00`)).padStart(2, '0')
}

/** Letters are worth 10 to 35. Only for `A-Z` and `0-9`. */
function mod97(code: string): number {
  let remainder = 0
  for (const character of code) {
    const value = Number.parseInt(character, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder
}

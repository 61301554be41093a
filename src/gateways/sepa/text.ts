/**
 * The Latin letters, digits and signs that every bank in SEPA takes (EPC217-08, section 1.2): anything else may be
 * refused, or be changed by a bank on the way.
 */
const ALLOWED = /^[A-Za-z0-9/\-?:().,'+ ]$/

/**
 * How other letters are written. German ones as German speakers do, where marks can't be (Annex 3 of the DFÜ agreement of
 * the German banks allows ae beside a); Cyrillic as Bulgaria's law of 2009 does, which EPC217-08 follows, and as ICAO
 * 9303 what Bulgarian has not; Greek as ELOT 743, letter by letter. Marks on any other letter are left out.
 */
const LETTERS = new Map(
  `ä ae ö oe ü ue ß ss æ ae œ oe ø o ł l đ d ð d þ th ħ h ı i ŧ t ŋ n
   а a б b в v г g д d е e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f х h ц ts ч ch ш sh щ sht ъ a ь y
   ю yu я ya ы y э e є ie і i ґ g ј j љ lj њ nj ђ dj ћ c џ dz ѕ dz
   α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f χ ch ψ ps ω o`
    .trim()
    .split(/\s+/)
    .flatMap((letter, at, all) => (at % 2 === 0 ? [[letter, all[at + 1] ?? ''] as const] : [])),
)

const SIGNS = new Map(
  Object.entries({
    '&': '+',
    '@': '(at)',
    _: '-',
    '–': '-',
    '—': '-',
    '~': '-',
    ';': ',',
    '[': '(',
    '{': '(',
    ']': ')',
    '}': ')',
    '\\': '/',
    '|': '/',
    '"': "'",
    '`': "'",
    '´': "'",
    '‘': "'",
    '’': "'",
    '“': "'",
    '”': "'",
    '„': "'",
    '«': "'",
    '»': "'",
    '€': 'EUR',
  }),
)

/** What stands for a character that has no other form (EPC217-08). */
const UNKNOWN = '.'

/**
 * A text as banks can carry it, at most `max` characters. Null when not one letter or digit of it is left. What is in the
 * set already comes out as it went in, but for spaces at its ends and more than one in a row.
 */
export function sepaText(text: string, max: number): string | null {
  const characters = [...text.normalize('NFC')]
  const written = characters.map((character, at) => characterOf(character, characters[at + 1] ?? characters[at - 1] ?? ''))
  const line = written.join('').replace(/ +/g, ' ').trim().slice(0, max).trimEnd()
  return /[A-Za-z0-9]/.test(line) ? line : null
}

/** `beside`: the letter that tells whether a capital stands among capitals. */
function characterOf(character: string, beside: string): string {
  if (ALLOWED.test(character)) return character
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line ends where a field does.
  if (/[\s\x00-\x1f\x7f]/.test(character)) return ' '
  const known = letterOf(character, beside) ?? SIGNS.get(character)
  if (known !== undefined) return known
  const parts = [...character.normalize('NFKD')].filter((part) => !/\p{M}/u.test(part))
  return parts.map((part) => (ALLOWED.test(part) ? part : (letterOf(part, beside) ?? UNKNOWN))).join('')
}

function letterOf(character: string, beside: string): string | undefined {
  const small = character.toLowerCase()
  const letters = LETTERS.get(small)
  if (letters === undefined || small === character) return letters
  const isAmongCapitals = beside !== beside.toLowerCase()
  return isAmongCapitals ? letters.toUpperCase() : letters.slice(0, 1).toUpperCase() + letters.slice(1)
}

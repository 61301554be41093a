export interface Product {
  readonly id: string
  readonly name: string
  readonly line: string
  /** Decimal in `currency`, as the API wants it. */
  readonly price: string
  readonly currency: 'EUR'
  /** Background of the picture. */
  readonly tint: string
  /** Inside of an SVG of 200 by 200. */
  readonly art: string
}

export const PRODUCTS: readonly Product[] = [
  {
    id: 'beans',
    name: 'Morning beans',
    line: 'Whole beans, 250 g. Cocoa, red apple, long finish.',
    price: '14.50',
    currency: 'EUR',
    tint: '#f3e3d3',
    art: `<path d="M58 62h84l8 104a10 10 0 0 1-10 10H60a10 10 0 0 1-10-10z" fill="#3b2a24"/>
<path d="M58 62 66 40h68l8 22z" fill="#54392e"/><path d="M66 40h68v8H63z" fill="#2b1d19"/>
<rect x="70" y="84" width="60" height="58" rx="6" fill="#f7efe6"/>
<ellipse cx="100" cy="108" rx="13" ry="17" fill="#a5592a" transform="rotate(24 100 108)"/>
<path d="M94 93c9 8 1 18 10 29" stroke="#f7efe6" stroke-width="3" fill="none" stroke-linecap="round"/>
<rect x="82" y="131" width="36" height="4" rx="2" fill="#d9c3ae"/>`,
  },
  {
    id: 'mug',
    name: 'Harbour mug',
    line: 'Stoneware, 300 ml. Glazed by hand, no two alike.',
    price: '18.00',
    currency: 'EUR',
    tint: '#d9e8ec',
    art: `<path d="M138 90h14a20 20 0 0 1 0 48h-16" fill="none" stroke="#1f4e5f" stroke-width="11"/>
<path d="M52 76h90v72a22 22 0 0 1-22 22H74a22 22 0 0 1-22-22z" fill="#2b6777"/>
<path d="M52 76h90v26c-15 12-30-8-45 2s-30 10-45-2z" fill="#f4f7f5"/><ellipse cx="97" cy="76" rx="45" ry="10" fill="#e3ecea"/>
<ellipse cx="97" cy="77" rx="37" ry="7" fill="#5d3a29"/>
<path d="M82 56c-7-9 7-13 0-23M104 56c-7-9 7-13 0-23" stroke="#fff" stroke-width="5" fill="none" stroke-linecap="round"/>`,
  },
  {
    id: 'notebook',
    name: 'Dotted notebook',
    line: 'A5, 160 pages that lie flat. Linen cover.',
    price: '9.90',
    currency: 'EUR',
    tint: '#e6e4f4',
    art: `<rect x="58" y="36" width="92" height="130" rx="8" fill="#f9f8fd" transform="rotate(5 100 100)"/>
<rect x="50" y="36" width="92" height="130" rx="8" fill="#4b4a8f"/><rect x="50" y="36" width="16" height="130" rx="8" fill="#393874"/>
<rect x="80" y="62" width="46" height="28" rx="4" fill="#f3d67a"/><path d="M88 72h30M88 80h20" stroke="#4b4a8f" stroke-width="3" stroke-linecap="round"/>
<path d="M126 36v130" stroke="#e9785d" stroke-width="5"/>`,
  },
  {
    id: 'plant',
    name: 'Windowsill fern',
    line: 'In a clay pot. Forgives a missed week.',
    price: '12.00',
    currency: 'EUR',
    tint: '#dfeede',
    art: `<path d="M100 120C96 84 74 66 48 64c4 30 24 48 52 56M100 120c4-36 26-54 52-56-4 30-24 48-52 56" fill="#3f8a58"/>
<path d="M100 122C88 92 90 58 100 34c10 24 12 58 0 88" fill="#57a86f"/>
<path d="M100 120c-14-14-34-18-52-10 14 14 34 18 52 10M100 120c14-14 34-18 52-10-14 14-34 18-52 10" fill="#2f6e45"/>
<path d="M66 122h68l-8 46a8 8 0 0 1-8 6H82a8 8 0 0 1-8-6z" fill="#c8693f"/><rect x="60" y="114" width="80" height="16" rx="5" fill="#dd7f52"/>`,
  },
  {
    id: 'lamp',
    name: 'Reading lamp',
    line: 'Brass arm, warm light, a switch that clicks.',
    price: '64.00',
    currency: 'EUR',
    tint: '#f6ecc9',
    art: `<path d="M58 92 22 178h104z" fill="#fff7d6" opacity=".85"/><path d="M112 172 134 96 84 58" fill="none" stroke="#a67c2d" stroke-width="7" stroke-linejoin="round" stroke-linecap="round"/>
<circle cx="134" cy="96" r="7" fill="#7d5c1d"/><path d="m92 44-52 44 40 14a26 26 0 0 0 26-34z" fill="#26413c"/><ellipse cx="60" cy="95" rx="21" ry="6" fill="#ffe08a" transform="rotate(20 60 95)"/>
<rect x="78" y="168" width="72" height="11" rx="5.5" fill="#26413c"/>`,
  },
  {
    id: 'tote',
    name: 'Market tote',
    line: 'Heavy organic cotton. Carries a week of groceries.',
    price: '22.00',
    currency: 'EUR',
    tint: '#f6dcd6',
    art: `<path d="M74 82V62a26 26 0 0 1 52 0v20" fill="none" stroke="#b4492f" stroke-width="8"/>
<path d="M48 76h104l8 90a10 10 0 0 1-10 11H50a10 10 0 0 1-10-11z" fill="#fbf4e8"/><path d="M48 76h104l1 12H47z" fill="#eadfcb"/>
<circle cx="88" cy="130" r="19" fill="#e2603f"/><circle cx="113" cy="136" r="15" fill="#f0a13a"/>
<path d="M88 111c0-10 7-14 14-14-1 9-6 14-14 14" fill="#4c8b57"/>`,
  },
]

export function productOf(id: string): Product | null {
  return PRODUCTS.find((product) => product.id === id) ?? null
}

import { encode } from 'uqr'

/** Light modules around the code that a reader needs (ISO/IEC 18004, 9.1). */
const QUIET_ZONE = 4

/** Steps of one module: right, down, left, up. */
const HORIZONTAL = [1, 0, -1, 0]
const VERTICAL = [0, 1, 0, -1]

export interface QrPath {
  /** Width and height in modules, quiet zone included: the SVG's view box. */
  readonly size: number
  /** Outlines of the dark areas, to be filled by the even-odd rule. */
  readonly path: string
}

/** A QR code as one SVG path: outlines take less than a rectangle a module and leave no seams when scaled. */
export function qrPath(text: string): QrPath {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE })
  const isDark = (x: number, y: number) => data[y]?.[x] === true
  const width = size + 1
  // edges[direction][corner]: an outline leaves this corner in this direction, with the dark side to its right.
  const edges = HORIZONTAL.map(() => new Uint8Array(width * width))
  const mark = (direction: number, x: number, y: number) => edges[direction]?.fill(1, y * width + x, y * width + x + 1)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (!isDark(x, y)) continue
      if (!isDark(x, y - 1)) mark(0, x, y)
      if (!isDark(x + 1, y)) mark(1, x + 1, y)
      if (!isDark(x, y + 1)) mark(2, x + 1, y + 1)
      if (!isDark(x - 1, y)) mark(3, x, y + 1)
    }
  }
  let path = ''
  for (let corner = 0; corner < width * width; corner++) {
    while (edges[0]?.[corner] === 1) path += outline(edges, corner, width)
  }
  return { size, path }
}

/** Follows one outline from a corner it leaves to the right, taking its edges away. The last side is closed by `z`. */
function outline(edges: Uint8Array[], start: number, width: number): string {
  let path = `M${start % width} ${Math.floor(start / width)}`
  let corner = start
  let direction = 0
  let run = 0
  for (;;) {
    edges[direction]?.fill(0, corner, corner + 1)
    corner += (HORIZONTAL[direction] ?? 0) + (VERTICAL[direction] ?? 0) * width
    run++
    const turns = [(direction + 1) % 4, direction, (direction + 3) % 4]
    const next = turns.find((turn) => edges[turn]?.[corner] === 1)
    if (next === undefined) return `${path}z`
    if (next !== direction) {
      path += direction % 2 === 0 ? `h${run * (HORIZONTAL[direction] ?? 0)}` : `v${run * (VERTICAL[direction] ?? 0)}`
      run = 0
    }
    direction = next
  }
}

/** One column of a table: its title and on which side its cells stand. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** True for names that commands take: never cut. */
  readonly whole?: boolean
  /** True for what is left out when the width is short, the last such column first. */
  readonly optional?: boolean
}

export interface TableOptions {
  /** Cells are cut so that no line is wider; no bound when absent. */
  readonly width?: number
  /** Put before each line. */
  readonly indent?: string
  /** Styles the line of titles. */
  readonly header?: (text: string) => string
}

const GAP = '  '

/** Lines of a plain text table with a line of titles; the widest left-hand column gives way when the width is short. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string[] {
  const indent = options.indent ?? ''
  const widths = columns.map((column, i) => {
    return rows.reduce((most, row) => Math.max(most, textWidth(row[i] ?? '')), textWidth(column.title))
  })
  const room = (options.width ?? Number.POSITIVE_INFINITY) - indent.length - GAP.length * (columns.length - 1)
  const dropped = sumOf(widths) > room ? columns.findLastIndex(({ optional }) => optional === true) : -1
  if (dropped >= 0) {
    const left = rows.map((row) => row.toSpliced(dropped, 1))
    return renderTable(columns.toSpliced(dropped, 1), left, options)
  }
  shrink(columns, widths, room)
  const line = (cells: readonly string[]): string => {
    const parts = columns.map((column, i) => pad(cut(cells[i] ?? '', widths[i] as number), widths[i] as number, column))
    return indent + parts.join(GAP).trimEnd()
  }
  const titles = line(columns.map((column) => column.title))
  return [options.header === undefined ? titles : options.header(titles), ...rows.map(line)]
}

const NARROWEST = 6

function sumOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0)
}

function shrink(columns: readonly Column[], widths: number[], room: number): void {
  for (;;) {
    const total = sumOf(widths)
    if (total <= room) return
    const widest = Math.max(...widths.filter((_, i) => columns[i]?.whole !== true))
    if (widest <= NARROWEST) return
    const at = widths.findIndex((width, i) => width === widest && columns[i]?.whole !== true)
    const others = Math.max(NARROWEST, ...widths.filter((_, i) => i !== at))
    widths[at] = Math.max(NARROWEST, Math.min(widest - 1, Math.max(others, widest - (total - room))))
  }
}

function pad(text: string, width: number, column: Column): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return column.align === 'right' ? space + text : text + space
}

/** The text in at most `width` columns, with an ellipsis for what was cut. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const char of text) {
    const next = charWidth(char)
    if (used + next > width - 1) break
    kept += char
    used += next
  }
  return `${kept}…`
}

/** Columns that a text takes in a terminal: wide East Asian characters and emoji two, combining marks none. */
export function textWidth(text: string): number {
  let width = 0
  for (const char of text) width += charWidth(char)
  return width
}

function charWidth(char: string): number {
  const code = char.codePointAt(0) as number
  if (code < 0x300) return 1
  if (/\p{Mark}|\u200d|\ufe0f/u.test(char)) return 0
  return isWide(code) ? 2 : 1
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  )
}

export interface Bar {
  label: string
  value: number
}

const WIDTH = 48
/** What stands beside a bar of the report: indent, label, gap, value, and a free last column. */
const BESIDE = 16

/** How long bars may be where there are so many columns; undefined when it is no terminal. */
export function barWidth(columns: number | undefined): number {
  return Math.max(8, Math.min(WIDTH, (columns ?? 80) - BESIDE))
}

/** Horizontal bars to one scale, with the value behind each. A negative value has no bar. */
export function barChart(bars: readonly Bar[], width: number = WIDTH): string {
  const largest = Math.max(0, ...bars.map((bar) => bar.value))
  const labels = Math.max(0, ...bars.map((bar) => bar.label.length))
  const lines = bars.map(({ label, value }) => {
    const length = largest === 0 ? 0 : Math.max(0, Math.round((value / largest) * width))
    return `  ${label.padStart(labels)}  ${'█'.repeat(length)} ${value.toFixed(1)}`
  })
  return lines.join('\n')
}

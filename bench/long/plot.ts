import type { Sample } from './samples.ts'

/** One panel: lines over the same time and one scale, from zero or in powers of ten. */
interface Panel {
  readonly title: string
  readonly powers?: boolean
  readonly lines: readonly { readonly name: keyof Sample; readonly label: string; readonly scale: number }[]
}

const MIB = 1 / (1024 * 1024)

const PANELS: readonly Panel[] = [
  {
    title: 'bytes of files for each live byte',
    lines: [
      { name: 'diskFactor', label: 'on disk, merges in flight too', scale: 1 },
      { name: 'spaceFactor', label: 'in the manifest', scale: 1 },
    ],
  },
  {
    title: 'files, merges that run',
    lines: [
      { name: 'files', label: 'files', scale: 1 },
      { name: 'compactionsRunning', label: 'merges', scale: 1 },
    ],
  },
  {
    title: 'write amplification since the start',
    lines: [{ name: 'writeAmplification', label: 'bytes written / flushed', scale: 1 }],
  },
  {
    title: 'memory, MiB',
    lines: [
      { name: 'rssBytes', label: 'RSS of the process', scale: MIB },
      { name: 'externalBytes', label: 'outside of the heap', scale: MIB },
      { name: 'heapBytes', label: 'JavaScript heap', scale: MIB },
    ],
  },
  {
    title: 'latency, us, powers of ten',
    powers: true,
    lines: [
      { name: 'readP99Us', label: 'read p99', scale: 1 },
      { name: 'writeP99Us', label: 'write p99', scale: 1 },
      { name: 'readP50Us', label: 'read p50', scale: 1 },
    ],
  },
  {
    title: 'delay of the event loop, ms, powers of ten',
    powers: true,
    lines: [
      { name: 'loopDelayMaxMs', label: 'longest', scale: 1 },
      { name: 'loopDelayP99Ms', label: 'p99', scale: 1 },
    ],
  },
  { title: 'operations a second, thousands', lines: [{ name: 'operationsPerSecond', label: 'done', scale: 0.001 }] },
]

const WIDTH = 860
const LEFT = 60
const RIGHT = 210
const TOP = 40
const PANEL = 130
const GAP = 34
const COLOURS = ['#1f5fa8', '#c4581a', '#2d7d46']

/** All panels below each other, as an SVG document that needs nothing else. */
export function toSvg(title: string, samples: readonly Sample[]): string {
  const lastSeconds = samples.at(-1)?.seconds ?? 1
  const height = TOP + PANELS.length * (PANEL + GAP) + 20
  const panels = PANELS.map((panel, i) => drawPanel(panel, samples, lastSeconds, TOP + 20 + i * (PANEL + GAP)))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 22, title, 'start', ' font-size="14" font-weight="bold"'),
    ...panels.flat(),
    '</svg>',
    '',
  ].join('\n')
}

function drawPanel(panel: Panel, samples: readonly Sample[], lastSeconds: number, top: number): string[] {
  const right = WIDTH - RIGHT
  const bottom = top + PANEL
  const values = panel.lines.flatMap(({ name, scale }) => samples.map((sample) => sample[name] * scale))
  const { ticks, place } = panel.powers === true ? powersScale(values) : linearScale(values)
  const x = (seconds: number): number => LEFT + (seconds / lastSeconds) * (right - LEFT)
  const y = (value: number): number => bottom - place(value) * PANEL
  const out = [text(LEFT, top - 6, panel.title, 'start', ' font-weight="bold"')]
  for (const [i, value] of ticks.entries()) {
    out.push(rule(LEFT, y(value), right, y(value), i === 0 ? '#555555' : '#dddddd'))
    out.push(text(LEFT - 6, y(value) + 4, String(Math.round(value * 100) / 100), 'end'))
  }
  const minutes = stepFor(lastSeconds / 60)
  for (let at = 0; at * 60 <= lastSeconds; at += minutes) {
    out.push(rule(x(at * 60), bottom, x(at * 60), bottom + 4, '#555555'))
    out.push(text(x(at * 60), bottom + 15, `${Math.round(at * 100) / 100} min`, 'middle', ' fill="#555555"'))
  }
  panel.lines.forEach(({ name, label, scale }, i) => {
    const points = samples.map((sample) => `${x(sample.seconds).toFixed(1)},${y(sample[name] * scale).toFixed(1)}`)
    const colour = COLOURS[i % COLOURS.length] as string
    out.push(`<polyline fill="none" stroke="${colour}" stroke-width="1.3" points="${points.join(' ')}"/>`)
    out.push(rule(right + 12, top + 8 + i * 16, right + 30, top + 8 + i * 16, colour))
    out.push(text(right + 36, top + 12 + i * 16, label, 'start'))
  })
  return out
}

interface Scale {
  readonly ticks: readonly number[]
  /** Where a value stands, 0 at the lower end and 1 at the upper. */
  readonly place: (value: number) => number
}

function linearScale(values: readonly number[]): Scale {
  const largest = Math.max(0, ...values)
  const step = stepFor(largest)
  const steps = Math.max(1, Math.ceil(largest / step))
  const ticks = Array.from({ length: steps + 1 }, (_, i) => i * step)
  return { ticks, place: (value) => value / (steps * step) }
}

/** What is below a hundredth is drawn as a hundredth. */
function powersScale(values: readonly number[]): Scale {
  const power = (value: number): number => Math.log10(Math.max(0.01, value))
  const low = Math.floor(power(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(power(Math.max(...values))))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return { ticks, place: (value) => (power(value) - low) / (high - low) }
}

/** A step that is easy to read, so that there are two to five up to `most`. */
function stepFor(most: number): number {
  if (!(most > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  const times = most / power
  return times <= 2 ? power / 2 : times <= 5 ? power : power * 2
}

function rule(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  const at = [x1, y1, x2, y2].map((n) => n.toFixed(1))
  return `<line x1="${at[0]}" y1="${at[1]}" x2="${at[2]}" y2="${at[3]}" stroke="${colour}"/>`
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', more = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${more}>${safe}</text>`
}

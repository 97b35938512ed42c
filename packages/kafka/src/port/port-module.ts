/** The module that threads open their ports by. In a file of its own: who only names it need not load it. */
export const PORT_MODULE: string = new URL(
  import.meta.url.endsWith('.ts') ? './open-port.ts' : './open-port.js',
  import.meta.url,
).href

import { TidemarkError } from 'tidemark/system'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** "host:port", "host" (port 9092), "[v6]:port". Throws ERR_KAFKA_OPTION. */
export function parseBroker(text: string): HostAndPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? 9092)
  if (host === undefined || port < 1 || port > 65535) {
    throw new TidemarkError('ERR_KAFKA_OPTION', `"${text}" is no address of a broker: write host:port`, {
      details: { broker: text },
    })
  }
  return { host, port }
}

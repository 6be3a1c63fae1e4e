/** Where to listen. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** `127.0.0.1:0`, `[::1]:8080`, `localhost:80`. A sentence where it is no such address or not this machine alone. */
export function parseListen(text: string): ListenAddress | { readonly refusal: string } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (hostname === undefined || port > 65_535)
    return { refusal: `"${text}" is no address; say for instance 127.0.0.1:0` };
  const loopback = hostname === 'localhost' || hostname === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(hostname);
  if (!loopback) {
    return {
      refusal: `${hostname} is reachable from other machines, and this host has no TLS: it listens on loopback only. Use an SSH tunnel.`,
    };
  }
  return { hostname: hostname === 'localhost' ? '127.0.0.1' : hostname, port };
}

/** As it stands in URLs and in the Host header. */
export const authority = (address: ListenAddress): string =>
  `${address.hostname.includes(':') ? `[${address.hostname}]` : address.hostname}:${address.port}`;

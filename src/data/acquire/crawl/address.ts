import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** An address that the crawl may not connect to. */
export class ForbiddenAddress extends Error {
  readonly code = "FORBIDDEN_ADDRESS";
}

/** Ranges that ipaddr.js takes for public and that lead elsewhere. */
const FURTHER: readonly [string, number][] = [
  ["::", 96], // IPv4-compatible, RFC 4291 2.5.5.1: the same as the IPv4 address to some stacks
  ["fec0::", 10], // site-local, RFC 3879
  ["100::", 64], // discard, RFC 6666
  ["2001:10::", 28], // ORCHID, RFC 4843
  ["5f00::", 16], // segment routing, RFC 9602
  ["168.63.129.16", 32], // Azure's host, which answers like a metadata service
];

/**
 * Whether an IP address belongs to the public internet: not private, loopback, link-local (so neither the clouds'
 * metadata service), shared (CGNAT), multicast or reserved. IPv6 addresses that carry an IPv4 address (mapped, NAT64,
 * 6to4, Teredo) are refused whatever they carry.
 *
 * @example isPublicAddress("::ffff:10.0.0.1") // false
 */
export function isPublicAddress(text: string): boolean {
  const bare = text.replace(/^\[|\]$/gu, "");
  if (!ipaddr.isValid(bare)) return false;
  const address = ipaddr.parse(bare);
  if (address.range() !== "unicast") return false;
  return !FURTHER.some(([network, bits]) => {
    const range = ipaddr.parse(network);
    return range.kind() === address.kind() && address.match(range, bits);
  });
}

/** How names become addresses: as `dns.lookup` with `all: true`. */
export type Resolve = (host: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** The operating system's resolver. */
export const systemResolve: Resolve = (host, callback) => {
  systemLookup(host, { all: true }, (error, addresses) => callback(error, addresses ?? []));
};

/**
 * A `lookup` for `net.connect` that answers with public addresses only, and fails where there is none. It is the
 * connection itself that asks, so that no later answer of the name server can put another address in its place.
 */
export function guardedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return (host, options, callback) => {
    resolve(host, (error, addresses) => {
      const wanted = options.family === 4 || options.family === "IPv4" ? 4 : options.family === 6 ? 6 : 0;
      const fitting = addresses.filter(({ family }) => wanted === 0 || family === wanted);
      const allowed = allowPrivate ? fitting : fitting.filter(({ address }) => isPublicAddress(address));
      const first = allowed[0];
      if (error !== null) callback(error, "", 0);
      else if (first === undefined) {
        const named = addresses.map(({ address }) => address).join(", ");
        const message = named === "" ? `${host} has no address` : `${host} has no public address (${named})`;
        callback(named === "" ? new Error(message) : new ForbiddenAddress(message), "", 0);
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** @throws ForbiddenAddress for an IP literal that is not public: connections to those ask no `lookup` */
export function checkLiteral(host: string, allowPrivate: boolean): void {
  const bare = host.replace(/^\[|\]$/gu, "");
  if (!allowPrivate && isIP(bare) !== 0 && !isPublicAddress(bare)) {
    throw new ForbiddenAddress(`${bare} is not a public address`);
  }
}

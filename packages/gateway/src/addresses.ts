import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** True for an IP address or a CIDR range. */
export function isAddressRange(value: string): boolean {
  try {
    addressRanges([value]);
    return true;
  } catch {
    return false;
  }
}

/** Makes the list that an address is checked against. @throws one of them is neither an address nor a range. */
export function addressRanges(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) {
    const [net = "", prefix, ...rest] = address.split("/");
    const family = isIP(net) === 6 ? "ipv6" : "ipv4";
    if (isIP(net) === 0 || net.includes("%") || rest.length > 0) throw new RangeError(`${address} is no address`);
    if (prefix === undefined) list.addAddress(net, family);
    else if (/^\d{1,3}$/.test(prefix)) list.addSubnet(net, Number(prefix), family);
    else throw new RangeError(`${address} is no range`);
  }
  return list;
}

/**
 * Reads the address of a connection or of a proxy's header, where a port may follow. An IPv4 address that came over an IPv6 socket is written
 * as IPv4. `undefined`: it is no address.
 */
export function readAddress(text = ""): string | undefined {
  if (isIPv4(text)) return text;
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const address = shortForm(bare);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(address);
  return mapped === null ? address : mapped.slice(1).map(ipv4Half).join(".");
}

/** An IPv6 address as the standard writes it, without a zone: a list knows no zones. */
function shortForm(address: string): string {
  return new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
}

function ipv4Half(group: string): string {
  const value = Number.parseInt(group, 16);
  return `${value >> 8}.${value & 0xff}`;
}

/** The address that failed logins are counted by, of one that `readAddress` has read: of IPv6 the network of 64 bits, since one machine has all of its addresses. */
export function sourceOf(address: string | undefined): string {
  if (address === undefined || !isIPv6(address)) return address ?? "";
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
  return [...groups, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

/** True if an address is in a list. One that is not known is in none. */
export function isIn(list: BlockList, address: string | undefined): boolean {
  return address !== undefined && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

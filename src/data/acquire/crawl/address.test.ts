import { expect, test } from "vitest";
import { guardedLookup, isPublicAddress, type Resolve } from "./address.ts";

test("IANA's special-purpose registries: none of these is public", () => {
  for (const address of [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "[::1]",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "3fff::1",
    "5f00::1",
    "::7f00:1",
    "not an address",
    "",
  ]) {
    expect(isPublicAddress(address), address).toBe(false);
  }
});

test("public addresses", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2400:3200::1"]) {
    expect(isPublicAddress(address), address).toBe(true);
  }
});

test("a lookup answers with public addresses only", () => {
  const resolve: Resolve = (_host, callback) =>
    callback(null, [
      { address: "10.0.0.1", family: 4 },
      { address: "8.8.8.8", family: 4 },
    ]);
  guardedLookup(resolve, false)("a.org", { all: true }, (error, addresses) => {
    expect(error).toBeNull();
    expect(addresses).toEqual([{ address: "8.8.8.8", family: 4 }]);
  });
  const inside: Resolve = (_host, callback) => callback(null, [{ address: "169.254.169.254", family: 4 }]);
  guardedLookup(inside, false)("a.org", {}, (error) => expect(error?.message).toMatch(/no public address/u));
  guardedLookup(inside, true)("a.org", {}, (error, address) =>
    expect([error, address]).toEqual([null, "169.254.169.254"]),
  );
  expect.assertions(4);
});

// Adds the platform packages that the registry on this machine does not carry to package-lock.json:
// npm ci refuses a lock that lacks optional dependencies, whether or not they fit this machine.
import { readFileSync, writeFileSync } from 'node:fs';
const path = process.argv[2];
const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = [];
for (const [, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (key in lock.packages || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const os = /(darwin|linux|win32|android|freebsd|openharmony)/.exec(name)?.[1];
    if (!os) continue;
    const cpu = /-(arm64|x64|ia32|ppc64|riscv64|s390x|arm)(-|$)/.exec(name)?.[1];
    const libc =
      os !== 'linux'
        ? undefined
        : /musl/.test(name)
          ? 'musl'
          : /gnu/.test(name)
            ? 'glibc'
            : undefined;
    lock.packages[key] = {
      version,
      cpu: [cpu],
      ...(entry.dev ? { dev: true } : {}),
      ...(libc ? { libc: [libc] } : {}),
      optional: true,
      os: [os],
    };
    added.push(key);
  }
}
const { '': root, ...rest } = lock.packages;
lock.packages = {
  '': root,
  ...Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))),
};
writeFileSync(path, JSON.stringify(lock, null, 2) + '\n');
console.log(added.length, 'added');

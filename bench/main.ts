// npm run bench -- train --shape R1     npm run bench -- extract     …
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [name = "", ...rest] = process.argv.slice(2);
const folder = fileURLToPath(new URL(".", import.meta.url));
const helpers = new Set(["main.js", "corpus.js"]);
const commands = new Set(["train", "decode"]);
const names = readdirSync(folder).filter((file) => file.endsWith(".js") && !helpers.has(file));
const known = [...new Set([...commands, ...names.map((file) => file.slice(0, -3))])].toSorted();

if (!known.includes(name)) {
  const got = name === "" ? "" : `, got "${name}"`;
  process.stderr.write(`expected one of ${known.join(", ")}${got}\n`);
  process.exit(2);
}
const command = `${folder}../src/cli/main.js`;
const options = commands.has(name) ? [command, "bench", name] : [`${folder}${name}.js`];
if (!existsSync(options[0] ?? "")) throw new Error('not built: run "npm run build:ts"');
process.exit(spawnSync(process.execPath, [...options, ...rest], { stdio: "inherit" }).status ?? 1);

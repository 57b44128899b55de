// One measurement in a process of its own: task as JSON in the first argument, result as JSON on stdout.
import { measureOurs, type OursTask } from "./ours.ts";

const result = await measureOurs(JSON.parse(process.argv[2] ?? "") as OursTask);
process.stdout.write(`${JSON.stringify(result)}\n`);

export { createApp, startServer, type RunningServer, type ServeOptions } from "./server.ts";

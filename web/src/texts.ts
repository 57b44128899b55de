/** The page's words. The browser's language decides. */
const english = {
  newChat: "New chat",
  settings: "Settings",
  temperature: "Temperature",
  topP: "Top-p",
  maxTokens: "Most new tokens",
  seed: "Seed (empty: a new one each time)",
  system: "System message",
  send: "Send",
  stop: "Stop",
  placeholder: "Ask something. Enter sends, Shift+Enter starts a line.",
  empty: "This model was built from nothing on this machine. Say hello.",
  retry: "Again",
  offline: "The server does not answer. Is `nuwa serve` still running?",
  tokensPerSecond: "tokens/s",
};

export type Texts = typeof english;

const chinese: Texts = {
  newChat: "新对话",
  settings: "设置",
  temperature: "温度",
  topP: "Top-p",
  maxTokens: "最多生成词元数",
  seed: "随机种子（留空则每次不同）",
  system: "系统消息",
  send: "发送",
  stop: "停止",
  placeholder: "问点什么吧。回车发送，Shift+回车换行。",
  empty: "这个模型是在这台机器上从零造出来的。打个招呼吧。",
  retry: "重试",
  offline: "服务器没有应答。`nuwa serve` 还在运行吗？",
  tokensPerSecond: "词元/秒",
};

export const texts: Texts = navigator.language.startsWith("zh") ? chinese : english;

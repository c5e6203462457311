/**
 * Why something failed, in Chinese, by the code of the failure. In English the service's own words are shown.
 *
 * {message} is those words, where they say more than the code: which model, which setting, what a site answered.
 */
export const failuresZh: Record<string, string> = {
  internal: "服务内部出错，原因见日志。",
  busy: "服务正忙，请稍后再试。（{message}）",
  stopping: "服务正在停止，任务会继续。请稍后再试。",
  step_timeout: "任务中的一步耗时过长（JOBS__STEP_SECONDS）。",
  poisoned: "任务中的一步反复中断工作进程，或反复无故失败。详情见工作进程的日志。",
  interrupted: "回答在完成前中断，请重新提问。",

  storage: "无法保存数据。（{message}）",
  storage_full: "VideoChat 存放数据的地方已满。请腾出空间后重试。",
  storage_unavailable: "文件存储没有响应，请稍后再试。",
  database_unavailable: "数据库没有响应，请稍后再试。",

  configuration: "有一项设置不合适。（{message}）",
  not_installed: "缺少所需的软件包。（{message}）",
  plugin: "插件出错。（{message}）",

  media_unreadable: "无法将此文件作为音频或视频读取。（{message}）",
  media_empty: "文件是空的。",
  media_no_audio: "文件中没有声音，无法转写。",
  media_truncated: "没有可解码的声音：文件不完整或已损坏。",
  media_cut_off: "文件提前结束，录音的其余部分缺失。（{message}）",
  media_too_long: "录音太长。请分成几段，或调高 MEDIA__MAX_DURATION_HOURS。",
  media_too_slow: "读取文件耗时过长，文件可能已损坏。（{message}）",
  media_crashed: "解码进程意外结束，文件可能已损坏。",

  source_failed: "无法从此链接获取录音或视频。（{message}）",
  source_unavailable: "链接所在的网站暂时没有响应，请稍后再试。（{message}）",
  source_unsupported: "此链接中没有可获取的录音或视频。",
  source_several: "此链接中有多个录音或视频，请给出其中一个的链接。",
  source_live: "直播尚未结束或尚未开始，请在结束后再试。",
  source_refused: "网站没有提供这个文件。（{message}）",
  source_private: "此链接指向内部网络，不允许访问。管理员可用 DOWNLOAD__ALLOW_PRIVATE 放行。",
  source_too_slow: "下载耗时过长（DOWNLOAD__MAX_DOWNLOAD_TIME）。",
  not_fetched: "文件尚未获取。请重试获取它的任务。",

  transcription_failed: "语音识别引擎无法转写。（{message}）",
  engine_crashed: "语音识别引擎的进程意外结束。",
  engine_unavailable: "所选的语音识别引擎在此不可用。（{message}）",
  model_not_found: "这里没有这个模型。（{message}）",

  provider_failed: "语言模型无法回答。（{message}）",
  provider_denied: "语言模型的服务拒绝了密钥。请设置 AI__API_KEY。",
  provider_unavailable: "语言模型的服务无法连接或负载过高，请稍后再试。",
  embedder_failed: "嵌入模型无法处理文本。（{message}）",
  embedder_unavailable: "嵌入模型的服务无法连接或负载过高，请稍后再试。",
  notification_failed: "通知没有送达。（{message}）",

  not_found: "找不到所要的内容。（{message}）",
  conflict: "当前状态下无法执行此操作。（{message}）",
  invalid: "请求有误。（{message}）",
  unsupported: "不支持此文件、语言或选项。（{message}）",
  too_large: "超出允许的大小。（{message}）",
  denied: "不允许此操作。（{message}）",
  csrf: "不允许此操作：请求缺少 Origin 标头。",
  unknown_content: "这里没有此内容，请上传文件。",
  hash_mismatch: "收到的内容与声明的不符，请重新上传。",

  quota: "您的账户可用的额度已用完。（{message}）",
  rate_limited: "操作过于频繁，请稍后再试。",
  too_many_streams: "打开的事件流过多，请关闭一些页面后再试。",
  too_many_uploads: "同时上传的文件过多，请稍后再试。",

  account_disabled: "此账户已停用。",
  shut_out: "您在这里的权限刚刚改变。",
  no_accounts: "这里没有账户：请设置 AUTH__MODE=users。",
  no_passwords: "这里不用密码登录（AUTH__MODE）。",
  no_provider: "这里没有身份提供方（AUTH__MODE）。",
  no_errand: "此浏览器没有正在进行的登录，请重新登录。",
  not_vouched_for: "身份提供方没有确认您的身份。",
  provider_unreachable: "身份提供方没有响应，请稍后再试。",
};

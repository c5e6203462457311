// Texts for the mock service: a small lecture about tides, in English and Chinese.
export const LECTURE = [
  "Good morning, and welcome to the third lecture on the sea.",
  "Today we look at the tides: why the water rises and falls, and why it does so twice a day.",
  "Most of us learn that the moon pulls the water up.",
  "That is true, but it explains only one of the two bulges.",
  "The other one is on the far side of the earth, where the pull of the moon is weakest.",
  "What counts is not the pull itself but how it differs from place to place.",
  "We call this difference the tidal force, and it falls off with the cube of the distance.",
  "So the sun, although far heavier than the moon, raises tides that are a little less than half as high.",
  "When sun and moon stand in one line, at new moon and at full moon, their tides add up, and we speak of spring tides; a week later, when they stand at a right angle, the difference between high and low water is smallest, and we speak of neap tides.",
  "Now look at this chart of the Bay of Fundy.",
  "The range here is sixteen metres, because the bay rocks in step with the tide, like water in a bathtub.",
  "In the open ocean it is less than one metre.",
];
export const LECTURE_ZH = [
  "同学们早上好，欢迎来到关于海洋的第三讲。",
  "今天我们来看潮汐：海水为什么会涨落，为什么一天两次。",
  "多数人学到的是月亮把海水拉了上来。",
  "这没有错，但只能解释两个隆起中的一个。",
  "另一个在地球的背面，那里月球的引力最弱。",
  "关键不在于引力本身，而在于各处引力的差别。",
];
export const ANSWER = [
  "Spring tides happen when sun and moon stand in one line, at new moon and at full moon, so that their tides add up [1]. ",
  "The sun alone raises tides a little less than half as high as the moon’s [2].\n\n",
  "How high the water really gets depends on the coast: in the Bay of Fundy it is sixteen metres, in the open ocean less than one [3].",
];
export const QUOTES = [
  { at: 8, quote: "When sun and moon stand in one line, at new moon and at full moon, their tides add up, and we speak of spring tides", check: "verified" },
  { at: 7, quote: "So the sun, although far heavier than the moon, raises tides that are a little less than half as high.", check: "verified" },
  { at: 10, quote: "The range here is sixteen metres, because the bay rocks in step with the tide", check: "approximate" },
];

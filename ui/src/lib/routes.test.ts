import { expect, it } from "vitest";
import { mediaPath, parseRoute, searchPath } from "./routes";

const route = (address: string) => {
  const url = new URL(address, "http://127.0.0.1");
  return parseRoute(url.pathname, url.searchParams);
};

it("knows the pages", () => {
  expect(route("/")).toEqual({ page: "library" });
  expect(route("/media/m1?t=83.5")).toEqual({ page: "media", id: "m1", time: 83.5 });
  expect(route("/media/m1")).toEqual({ page: "media", id: "m1", time: null });
  expect(route("/search?q=new+moon")).toEqual({ page: "search", query: "new moon" });
  for (const page of ["ops", "account", "users", "shared"]) expect(route(`/${page}/`)).toEqual({ page });
  expect(route("/shared#vcl_token")).toEqual({ page: "shared" });
  expect(route("/media/a/b")).toEqual({ page: "unknown" });
  expect(route("/media/%E0%A4%A")).toEqual({ page: "unknown" });
});

it("makes addresses that lead back to the same place", () => {
  expect(route(mediaPath("a b/ö", 43.456))).toEqual({ page: "media", id: "a b/ö", time: 43.46 });
  expect(route(searchPath("潮汐 & moon"))).toEqual({ page: "search", query: "潮汐 & moon" });
});

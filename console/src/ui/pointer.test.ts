import { expect, test } from "vitest";

import { placeOf } from "./pointer";

const text = `{ "States": { "A/B": { "Type": "Choice", "Choices": [ {"Next": "x"}, {"Next": "é\\"}"} ] } } }`;
const marked = (pointer: string) => {
  const place = placeOf(text, pointer);
  return place && text.slice(...place);
};

test("places of members and items", () => {
  expect(marked("/States/A~1B/Type")).toBe('"Type":');
  expect(marked("/States/A~1B")).toBe('"A/B":');
  expect(marked("/States/A~1B/Choices/1")).toBe(`{"Next": "é\\"}"}`);
  expect(marked("/States/A~1B/Choices/1/Next")).toBe('"Next":');
});

test("a place that is not there is the nearest around it, or none", () => {
  expect(marked("/States/A~1B/Missing")).toBe('"A/B":');
  expect(placeOf(text, undefined)).toBeUndefined();
  expect(placeOf("{", "/States")).toBeUndefined();
  expect(placeOf('{"a"', "/a")).toBeUndefined();
});

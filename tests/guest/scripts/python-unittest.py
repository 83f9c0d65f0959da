#!/usr/bin/python3
# needs: python3
# A standard module's own behaviour, by unittest; the time that it took is cut out.
import unittest, io, re, heapq, bisect, textwrap, fractions, statistics, difflib
class Heap(unittest.TestCase):
    def test_sorts(self):
        h = []
        for i in range(200): heapq.heappush(h, i * 7919 % 211)
        self.assertEqual([heapq.heappop(h) for _ in range(200)], sorted(i * 7919 % 211 for i in range(200)))
    def test_merge(self): self.assertEqual(list(heapq.merge([1, 4], [2, 3])), [1, 2, 3, 4])
class Others(unittest.TestCase):
    def test_bisect(self): self.assertEqual(bisect.bisect([1, 2, 2, 3], 2), 3)
    def test_wrap(self): self.assertEqual(textwrap.wrap("a bb ccc dddd", 5), ["a bb", "ccc", "dddd"])
    def test_fractions(self): self.assertEqual(fractions.Fraction("0.125") + fractions.Fraction(1, 3), fractions.Fraction(11, 24))
    def test_stdev(self): self.assertAlmostEqual(statistics.stdev([1, 2, 4, 8]), 3.095695936834452)
    def test_diff(self): self.assertEqual(len(list(difflib.unified_diff("abc", "abd"))), 7)
    @unittest.expectedFailure
    def test_fails(self): self.assertEqual(1, 2)
out = io.StringIO()
unittest.main(testRunner=unittest.TextTestRunner(out, verbosity=2), exit=False)
print(re.sub(r"in [0-9.]+s", "in a moment", out.getvalue()))

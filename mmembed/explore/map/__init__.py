"""Draws a collection as a map: pictures that look alike lie side by side."""

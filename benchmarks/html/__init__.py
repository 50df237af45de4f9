"""The page: the tables of a report with plots, one HTML file that asks the network for nothing and runs no script."""

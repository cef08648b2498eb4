"sha256-KvH1QWk7I2istZTVe2tdHxzo9u9uvJXbYS15ilbVB+A="

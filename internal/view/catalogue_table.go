package view

import "strings"

// CatalogueTable shows the rows of a catalogue.
func CatalogueTable(rows []CatalogueRow) Table {
	t := Table{Header: []string{"DATASET", "CLASS", "AGENCY", "SERVICE", "MODE", "IDENTIFIER", "OPERATIONS"}}
	for _, r := range rows {
		t.Add(Text(string(r.Dataset)), Text(string(r.Classification)), Text(r.Agency), Text(string(r.Name)), Text(string(r.ShareMode)),
			Text(r.Identifier), Text(strings.Join(r.Operations, ",")))
	}
	return t
}
